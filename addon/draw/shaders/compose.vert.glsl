/* A triangle strip's worth of the region: rect is left, bottom, right, top in 0..1. */
void main()
{
  at = mix(rect.xy, rect.zw, corner);
  gl_Position = vec4(2.0 * at - 1.0, 0.0, 1.0);
}
