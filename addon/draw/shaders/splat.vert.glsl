/* One corner of the rectangle around one projected Gaussian (EWA splatting, gsplat's rules).
 *
 * Everything is computed in picture pixels with OpenCV axes (x right, y down, z forward) and only the last line
 * turns to OpenGL's. Inputs: vertex number, 4 per Gaussian; tables of RGBA32F texels, TABLE_WIDTH per row. */

const float ALPHA_MIN = 1.0 / 255.0;

ivec2 cell(int row)
{
  return ivec2(row % TABLE_WIDTH, row / TABLE_WIDTH);
}

mat3 rotation(vec4 q)
{
  q = normalize(q);
  float w = q.x, x = q.y, y = q.z, z = q.w;
  /* columns */
  return mat3(1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y),
              2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x),
              2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y));
}

void hide()
{
  place = vec2(0.0);
  tint = vec4(0.0);
  about = vec2(0.0);
  gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
}

void main()
{
  int number = int(corner + 0.5);
  int slot = number / 4;
  int which = number - 4 * slot;
  int row = int(texelFetch(order, cell(slot), 0).r + 0.5);

  vec4 mean = texelFetch(means, cell(row), 0);
  float opacity = mean.w;
  vec3 p = (view * vec4(mean.xyz, 1.0)).xyz;
  bool orthographic = options.x > 0.5;
  float near = picture.z, far = picture.w;
  if (!(opacity >= ALPHA_MIN) || !(p.z >= near) || !(p.z <= far)) {
    hide();
    return;
  }

  /* Half covariance in camera space, then the affine approximation of the projection at the centre. The centre of
   * the Jacobian is held near the picture so that Gaussians beside it do not explode. */
  vec3 scale = texelFetch(scales, cell(row), 0).xyz;
  mat3 turn = rotation(texelFetch(quats, cell(row), 0));
  mat3 half_covariance = mat3(view) * mat3(turn[0] * scale.x, turn[1] * scale.y, turn[2] * scale.z);
  vec2 focal = lens.xy, centre = lens.zw, size = picture.xy;
  vec2 pixel;
  vec2 slope = vec2(0.0);
  vec2 magnify = focal;
  if (orthographic) {
    pixel = focal * p.xy + centre;
  }
  else {
    vec2 ratio = p.xy / p.z;
    vec2 margin = 0.15 * size / focal;
    vec2 held = clamp(ratio, -(centre / focal + margin), (size - centre) / focal + margin);
    pixel = focal * ratio + centre;
    magnify = focal / p.z;
    slope = -magnify * held;
  }
  vec3 row_x = vec3(half_covariance[0].x, half_covariance[1].x, half_covariance[2].x);
  vec3 row_y = vec3(half_covariance[0].y, half_covariance[1].y, half_covariance[2].y);
  vec3 row_z = vec3(half_covariance[0].z, half_covariance[1].z, half_covariance[2].z);
  vec3 h0 = magnify.x * row_x + slope.x * row_z;
  vec3 h1 = magnify.y * row_y + slope.y * row_z;
  float blur = options.y;
  float a = dot(h0, h0) + blur;
  float b = dot(h0, h1);
  float c = dot(h1, h1) + blur;

  /* Beyond this many standard deviations nothing is visible. */
  float reach = sqrt(2.0 * log(opacity / ALPHA_MIN));
  vec2 radius = reach * sqrt(vec2(a, c));
  if (any(lessThanEqual(pixel + radius, vec2(0.0))) || any(greaterThanEqual(pixel - radius, size)) ||
      !(a + c < 1e18))
  {
    hide();
    return;
  }

  /* The axes of the ellipse. The quarter pixel of slack pays for rounding at its rim. */
  float mid = 0.5 * (a + c);
  float spread = length(vec2(0.5 * (a - c), b));
  float long_axis = mid + spread;
  float short_axis = max(mid - spread, (a * c - b * b) / long_axis);
  vec2 along = (a >= c) ? vec2(0.5 * (a - c) + spread, b) : vec2(b, 0.5 * (c - a) + spread);
  along = dot(along, along) > 1e-24 * long_axis * long_axis ? normalize(along) : vec2(1.0, 0.0);
  vec2 deviation = sqrt(vec2(long_axis, short_axis));
  vec2 sign_of = vec2((which & 1) == 0 ? -1.0 : 1.0, (which & 2) == 0 ? -1.0 : 1.0);
  vec2 step_out = sign_of * (reach * deviation + 0.25);
  vec2 at = pixel + step_out.x * along + step_out.y * vec2(-along.y, along.x);

  place = step_out / deviation;
  vec4 color = texelFetch(colors, cell(row), 0);
  tint = vec4(color.rgb, opacity);
  about = vec2(p.z, color.w);
  gl_Position = vec4(2.0 * at.x / size.x - 1.0, 1.0 - 2.0 * at.y / size.y, 0.0, 1.0);
}
